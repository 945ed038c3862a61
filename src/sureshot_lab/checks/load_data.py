"""Whether what a run sends is prepared: its payloads, and a load that a generator can offer."""

from __future__ import annotations

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.plan import Plan
from sureshot_lab.errors import LabError
from sureshot_lab.load.offer import Offer, refuse_unusable
from sureshot_lab.report.figures import figure, number
from sureshot_lab.runs.site import POOL
from sureshot_lab.traffic.payloads import make_payloads
from sureshot_lab.traffic.population import zipf_weights

NOWHERE = "http://127.0.0.1:1"
ANY_TOKEN = "any"  # noqa: S105 - stands for the one an own service makes up

PAYLOADS = Subject("payloads", "Payloads")
LOAD = Subject("load", "Load")


def pool_of(plan: Plan) -> list[str]:
    """Return the payloads the run would send; raises ``LabError`` for a wrong mix."""
    payload = plan.scenario.payload
    return make_payloads(payload.mix, payload.seed, POOL)


def check_data(plan: Plan) -> list[Check]:
    """Make the payloads and put the load together, as the run would."""
    try:
        pool = pool_of(plan)
    except LabError as error:
        return [PAYLOADS.failed(str(error), "`sureshot lab traffic payloads --help` lists kinds")]
    return [_payloads(plan, pool), _load(plan, pool)]


def _payloads(plan: Plan, pool: list[str]) -> Check:
    sizes = sorted(len(payload.encode()) for payload in pool)
    least, median, most = (figure(sizes[at], "bytes") for at in (0, len(sizes) // 2, -1))
    mix = plan.scenario.payload.mix
    kinds = ", ".join(f"{name} {share:g}" for name, share in mix.items())
    return PAYLOADS.ok(
        f"{len(pool)} made from seed {plan.scenario.payload.seed} ({kinds}): "
        f"{least} to {most}, half of them up to {median}"
    )


def _load(plan: Plan, pool: list[str]) -> Check:
    """Have the offer looked at as generators do before they begin."""
    load, endpoints = plan.scenario.load, plan.scenario.endpoints
    try:
        refuse_unusable(
            Offer(
                base_url=plan.options.target or NOWHERE,
                token=plan.options.token or ANY_TOKEN,
                places=[f'"endpointId":"ep_{index}"' for index in range(endpoints.count)],
                weights=zipf_weights(endpoints.count, endpoints.zipf),
                payloads=pool,
                stages=load.stages,
                run="preflight",
                model=load.model,
                connections=load.connections,
                worst_s=load.worst_s,
                generators=load.generators,
            )
        )
    except LabError as error:
        return LOAD.failed(str(error))
    count = plan.webhooks
    told = "as many webhooks as it takes" if count is None else f"{number(round(count))} webhooks"
    return LOAD.ok(f"{told} to {number(endpoints.count)} endpoints")
