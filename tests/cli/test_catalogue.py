"""The catalogue is what the registries say, and listing it needs no torch."""

import subprocess
import sys

import tokay.cli.catalogue as catalogue


def test_it_is_up_to_date() -> None:
    message = "run: python -m tokay.cli.catalogue"
    assert catalogue.make_catalogue() == catalogue.json.loads(catalogue.FILE.read_text(encoding="utf-8")), message


def test_help_version_and_list_load_no_torch() -> None:
    """Torch alone takes two seconds to import; these commands answer in half a second."""
    script = "import sys; from tokay.cli.main import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    for words in (["--help"], ["--version"], ["list"], ["list", "recipes"]):
        process = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
        assert process.returncode == 0, (words, process.stderr)
        assert process.stdout
