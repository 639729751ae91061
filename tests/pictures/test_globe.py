"""The globe as two discs: what lies where, and equal areas."""

import torch
from torch.nn.functional import normalize

from vae_lab.pictures import globe


def test_the_grid_lies_where_its_cells_are():
    size = 9
    points, is_inside = globe.grid(size)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(2 * size**2))
    places = globe.flattened(points)
    steps = torch.linspace(-1, 1, size) * globe.RIM * (1 - 1 / size)
    for half, centre in enumerate(globe.CENTRES):
        cells = torch.stack(
            [(centre + steps).repeat(size), steps.flip(0).repeat_interleave(size)], 1
        )
        chosen = slice(half * size**2, (half + 1) * size**2)
        inside = is_inside[chosen]
        torch.testing.assert_close(places[chosen][inside], cells[inside], rtol=0, atol=1e-5)
        assert (cells[~inside] - torch.tensor([centre, 0])).norm(dim=1).min() > 0.999 * globe.RIM


def test_evenly_spread_points_are_evenly_spread_in_the_picture():
    torch.manual_seed(0)
    places = globe.flattened(normalize(torch.randn(40_000, 3), dim=1))
    middles = torch.where(places[:, :1] < 0, *(torch.tensor([c, 0.0]) for c in globe.CENTRES))
    radii = (places - middles).norm(dim=1) / globe.RIM
    assert radii.max() <= 1 + 1e-6
    within = (radii < 0.5).double().mean()
    assert abs(within - 0.25) < 4 * (0.25 * 0.75 / 40_000) ** 0.5
