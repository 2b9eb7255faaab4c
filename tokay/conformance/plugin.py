"""The pytest option that chooses the methods of the conformance suite. Every pytest session loads this small file."""

import pytest

SELECTION: list[str] = []
"""import paths of the methods to test; empty: every registered method"""

pytest.register_assert_rewrite("tokay.conformance.helpers")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tokay").addoption(
        "--tokay-algorithm",
        action="append",
        default=[],
        metavar="MODULE.CLASS",
        help="method that tokay.conformance tests, by its import path (default: every registered method)",
    )


def pytest_configure(config: pytest.Config) -> None:
    SELECTION[:] = config.getoption("--tokay-algorithm")
