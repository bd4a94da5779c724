"""``python -m bench.silent_discard``: plays simulated traffic to the policy and writes ``report.md``."""

import argparse
import datetime as dt
import os
import platform
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from bench.silent_discard import stories
from bench.silent_discard.stories import LOSSES, SUBJECT, Clean, Told
from bench.silent_discard.traffic import SITES

REPORT = Path(__file__).with_name("report.md")

_REPORT = """# Silent discards: how soon found, how often wrongly

Written by `python -m bench.silent_discard` on {date}: Python {python}, {cpus} cores, seed {seed}, {seconds:.0f} s.
README.md says what is played.

## Clean weeks

{weeks} simulated weeks, {codes:,} codes to {sites} sites: {alarms}. Highest evidence of each site: {heights}.

## A site that loses codes

{runs} runs each, begun at a random hour; watched for a day. Minutes from the acceptance of the first lost code to the
alarm: a code is judged 330 s after its acceptance.

| codes a minute | lost | found | median | 95 % | longest | other alarms |
|---|---|---|---|---|---|---|
{losses}

All codes lost for two hours, then none. Minutes from the acceptance of the first good code to `cleared`:

| codes a minute | ended | median | 95 % | longest | other alarms |
|---|---|---|---|---|---|
{recoveries}

## Several sites

| what | right alarms | median | 95 % | longest | other alarms |
|---|---|---|---|---|---|
{several}
"""


def main() -> None:
    """Play and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.silent_discard", description=__doc__)
    parser.add_argument("--weeks", type=int, default=26, help="clean weeks")
    parser.add_argument("--runs", type=int, default=200, help="runs of each story")
    parser.add_argument("--seed", type=int, default=20261123, help="of the clean weeks")
    options = parser.parse_args()
    begun = time.monotonic()
    with ProcessPoolExecutor() as pool:
        half = options.weeks // 2
        quiet = pool.map(stories.clean, (options.seed, options.seed + 1), (half, options.weeks - half))
        lost = pool.map(partial(_lost, options.runs), LOSSES)
        several = pool.submit(_several, options.runs)
        rows = list(lost)
        told = _together(list(quiet))
        text = _REPORT.format(
            date=dt.datetime.now(dt.UTC).date(), python=platform.python_version(), cpus=os.cpu_count(),
            seed=options.seed, weeks=options.weeks, codes=told.codes, sites=len(SITES), runs=options.runs,
            alarms=_alarms(told.alarms), heights=stories.heights(told), losses="\n".join(row[0] for row in rows),
            recoveries="\n".join(row[1] for row in rows), several=several.result(), seconds=time.monotonic() - begun,
        )  # fmt: skip
    REPORT.write_text(text)
    print(text)  # noqa: T201  a command line prints


def _lost(runs: int, rate: float) -> tuple[str, str]:
    """Return the rows of the losses and of the recovery at one rate."""
    world = stories.losing(rate)
    rows = []
    for share in LOSSES[rate]:
        told = stories.play(world, runs, lambda name, share=share: share * (name == SUBJECT), frozenset({SUBJECT}))
        rows.append(f"| {rate:g} | {share:.0%} | {len(told.found)} of {runs} | {_ends(told)}")
    told = stories.recover(world, runs)
    return "\n".join(rows), f"| {rate:g} | {len(told.found)} of {runs} | {_ends(told)}"


def _several(runs: int) -> str:
    """Return the rows of the stories that are about more than one site."""
    world, alone = stories.warm(7, SITES), stories.warm(7, {SUBJECT: SITES[SUBJECT]})
    two = frozenset({SUBJECT, "webmail-a"})
    silence = frozenset({"no reports"})
    told = {
        "the two largest of seven lose all": stories.play(world, runs, lambda name: float(name in two), two),
        "no use is reported": stories.play(world, runs, lambda _name: 1.0, silence),
        "half of the use is not reported": stories.play(world, runs, lambda _name: 0.5, silence),
        "no use is reported, one site only": stories.play(alone, runs, lambda _name: 1.0, silence),
        "one site only, it loses half": stories.play(alone, runs, lambda _name: 0.5, frozenset({SUBJECT})),
    }
    return "\n".join(f"| {what} | {len(one.found)} in {runs} runs | {_ends(one)}" for what, one in told.items())


def _ends(told: Told) -> str:
    return f"{stories.minutes(told)} | {_alarms(told.wrong)} |"


def _alarms(found: Counter[str]) -> str:
    return ", ".join(f"{number} × {what}" for what, number in sorted(found.items())) or "none"


def _together(parts: list[Clean]) -> Clean:
    return Clean(
        sum(part.weeks for part in parts),
        sum(part.codes for part in parts),
        sum((part.alarms for part in parts), Counter()),
        {name: max(part.highest[name] for part in parts) for name in SITES},
    )


if __name__ == "__main__":
    main()
