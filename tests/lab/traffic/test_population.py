"""Endpoints, their popularity, and the tenants they belong to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.errors import LabError
from sureshot_lab.traffic.population import populate, zipf_weights


def test_weights_are_those_of_zipf() -> None:
    assert zipf_weights(3, 1.0) == pytest.approx([6 / 11, 3 / 11, 2 / 11])


def test_without_an_exponent_all_are_alike() -> None:
    assert zipf_weights(4, 0.0) == [0.25] * 4


@given(count=st.integers(1, 500), exponent=st.floats(0, 4))
def test_weights_add_up_and_never_rise(count: int, exponent: float) -> None:
    weights = zipf_weights(count, exponent)
    assert sum(weights) == pytest.approx(1)
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0


def test_endpoints_have_places_of_their_own_at_the_sink() -> None:
    endpoints = populate(3).endpoints
    urls = [endpoint.url("http://127.0.0.1:9099/") for endpoint in endpoints]
    assert urls == [f"http://127.0.0.1:9099/e/{n}" for n in range(3)]
    assert endpoints[0].name == "endpoint-0001"


@given(count=st.integers(1, 80), tenants=st.integers(1, 80), seed=st.integers(0, 5))
def test_every_endpoint_has_a_tenant_and_every_tenant_an_endpoint(
    count: int, tenants: int, seed: int
) -> None:
    if tenants > count:
        with pytest.raises(LabError, match="tenants"):
            populate(count, tenants=tenants)
        return
    population = populate(count, tenants=tenants, seed=seed)
    sizes = [len(population.of_tenant(name)) for name in population.tenants]
    assert sum(sizes) == count
    assert min(sizes) >= 1
    assert sizes[0] == max(sizes)
    assert population.weights == zipf_weights(count, 1.1)


def test_the_largest_tenant_does_not_own_all_that_is_popular() -> None:
    population = populate(40, tenants=4)
    assert len({endpoint.tenant for endpoint in population.endpoints[:10]}) > 1


def test_equal_seeds_give_equal_populations() -> None:
    assert populate(40, tenants=4, seed=2) == populate(40, tenants=4, seed=2)
    assert populate(40, tenants=4, seed=2) != populate(40, tenants=4, seed=3)


@pytest.mark.parametrize(("count", "exponent"), [(0, 1.0), (5, -0.1), (5, float("inf"))])
def test_impossible_populations_are_refused(count: int, exponent: float) -> None:
    with pytest.raises(LabError):
        populate(count, exponent=exponent)
