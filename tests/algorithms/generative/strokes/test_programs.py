"""Programs of known shapes; the custom operation that traces them, under ``vmap`` and in a loop."""

import pytest
import torch
from torch import Tensor

from tokay.algorithms.generative.strokes.programs import CONTROLS, Programs, trace_programs

SIZE = 41


def shapes() -> Tensor:
    """A plus, a ring with a dot in it, a dash."""
    pictures = torch.zeros(3, SIZE, SIZE)
    pictures[0, 19:22, 5:36] = pictures[0, 5:36, 19:22] = 1
    at = torch.arange(SIZE) - 20.0
    radius = (at[:, None] ** 2 + at**2).sqrt()
    pictures[1] = ((radius > 12) & (radius < 15)) | (radius < 1.5)
    pictures[2, 30:33, 5:36] = 1
    return pictures


def trace(pictures: Tensor) -> Programs:
    return trace_programs(pictures, beads=24, most_strokes=4)


def test_numbers_of_strokes_and_beads() -> None:
    programs = trace(shapes())
    assert programs.beads.shape == (3, 24, 2)
    counts = programs.stroke.sum(1)  # [pictures, strokes]
    assert counts.tolist() == [[12, 12, 0, 0], [22, 2, 0, 0], [24, 0, 0, 0]]
    assert programs.stroke.sum(2).unique().tolist() == [1]
    assert (24 - programs.joined.sum(1)).tolist() == [2, 2, 1]


def test_beads_lie_on_the_ink() -> None:
    pictures = shapes()
    programs = trace(pictures)
    pixels = (programs.beads * SIZE + (SIZE - 1) / 2).round().long()
    for picture, places in zip(pictures, pixels, strict=True):
        assert bool((picture[places[:, 0], places[:, 1]] == 1).all())


def test_places_are_about_the_middle_and_in_sides() -> None:
    dash = trace(shapes())
    torch.testing.assert_close(dash.beads[2, :, 0], torch.full((24,), 11 / SIZE), rtol=0, atol=1e-3)
    assert dash.beads[2, :, 1].abs().max() == pytest.approx(15 / SIZE, abs=0.04)
    assert dash.position[2].tolist() == pytest.approx(torch.linspace(0, 1, 24).tolist())
    assert dash.beads[2, 0, 1] < 0 < dash.beads[2, -1, 1]  # from left to right


def test_controls_are_of_the_strokes_that_there_are() -> None:
    programs = trace(shapes())
    assert programs.control.shape == (3, 4, CONTROLS, 2)
    real = programs.stroke.amax(1).bool()
    assert bool((programs.control[~real] == 0).all())
    torch.testing.assert_close(programs.control[2, 0, :, 0], torch.full((CONTROLS,), 11 / SIZE), rtol=0, atol=2e-3)
    for end in (0, -1):
        torch.testing.assert_close(programs.control[2, 0, end], programs.beads[2, end], rtol=0, atol=5e-3)


def test_a_mapped_trace_is_a_looped_one() -> None:
    pictures = torch.stack([shapes(), shapes().flip(0), shapes().mT])  # [tasks, n, ...]
    mapped = torch.func.vmap(trace)(pictures)
    nested = torch.func.vmap(torch.func.vmap(lambda p: tuple(part[0] for part in trace(p[None]))))(pictures)
    last_axis = torch.func.vmap(trace, in_dims=1)(pictures.movedim(0, 1))
    for task in range(3):
        for one, a, b, c in zip(trace(pictures[task]), mapped, nested, last_axis, strict=True):
            for other in (a, b, c):
                assert torch.equal(other[task], one)


def test_grey_and_scale_of_ink_do_not_matter() -> None:
    plain = trace(shapes())
    for changed in (0.2 + 0.5 * shapes(), 255 * shapes(), shapes() * 0.8 + 0.1 * torch.rand(3, SIZE, SIZE)):
        for a, b in zip(plain, trace(changed), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 4), (7, 3)])
def test_every_picture_is_a_program(shape: tuple[int, int]) -> None:
    pictures = torch.cat([torch.zeros(1, *shape), torch.ones(1, *shape), torch.randn(20, *shape)])
    programs = trace_programs(pictures, beads=12, most_strokes=3)
    assert all(bool(torch.isfinite(part).all()) for part in programs)
    assert bool((programs.beads[:2] == 0).all())  # a constant picture is a dot in its middle


def test_more_strokes_than_places() -> None:
    """The shortest strokes share the last place. Strokes without two beads are dropped."""
    dots = torch.zeros(1, 30, 30)
    dots[0, 3::6, 3::6] = 1  # 25 of them
    programs = trace_programs(dots, beads=24, most_strokes=4)
    assert programs.stroke[0].sum(0).tolist() == [2, 2, 2, 18]
    assert programs.joined[0].tolist() == [1, 0] * 12


def test_the_operation_is_a_proper_one() -> None:
    picture = shapes()
    assert trace(picture.double()).beads.dtype == torch.float64
    operation = torch.ops.tokay.trace_strokes.default
    torch.library.opcheck(operation, (picture, 12, 3), test_utils=("test_schema", "test_faketensor"))
