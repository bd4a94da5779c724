"""The report: one line per story, what each sender brought in alive, late or twice, and the sums."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.scenarios.battery.play import Played
from tests.scenarios.battery.story import GUARD, LIFE, Story


@dataclass(frozen=True, slots=True)
class Score:
    """What became of some codes of one sender."""

    codes: int
    alive: int  #: arrived with 20 s of life or more
    dead: int  #: of which a copy arrived with less, or after the end
    never: int
    twice: int  #: further copies
    seconds: Sequence[float]  #: until the first copy, of those alive

    @classmethod
    def of(cls, played: Sequence[Played]) -> "Score":
        """Count."""
        codes = [(story, code) for story in played for code in story.codes]
        arrivals = [story.arrived_after(code) for story, code in codes]
        return cls(
            codes=len(codes),
            alive=sum(story.alive(code) for story, code in codes),
            dead=sum(story.dead(code) for story, code in codes),
            never=arrivals.count(None),
            twice=sum(max(0, len(story.stored(code)) - 1) for story, code in codes),
            seconds=[after for after in arrivals if after is not None and after <= LIFE - GUARD],
        )

    @property
    def share(self) -> str:
        """The share alive, with the median of seconds."""
        if not self.alive:
            return "0 %"
        return f"{100 * self.alive / self.codes:.0f} % ({statistics.median(self.seconds):.1f} s)"


def table(stories: Sequence[Story], played: Mapping[str, Mapping[str, Played]]) -> str:
    """Return the lines of all stories; ``played`` is by sender and story."""
    senders = list(played)
    heads = ["story", "codes", "possible", *senders, *(f"dead: {sender}" for sender in senders)]
    lines = [heads, ["---", "--:", "---", *("--:" for _ in senders * 2)]]
    for story in stories:
        scores = [Score.of([played[sender][story.name]]) for sender in senders]
        lines.append([
            story.name,
            str(scores[0].codes),
            "no" if story.within is None else "yes",
            *(score.share for score in scores),
            *(str(score.dead or "") for score in scores),
        ])  # fmt: skip
    return _lines(lines)


def sums(stories: Sequence[Story], played: Mapping[str, Mapping[str, Played]]) -> str:
    """Return each sender's sums."""
    lines = [["", "of the possible, alive", "handed over dead", "further copies", "never arrived, though possible"]]
    lines.append(["---", *("--:" for _ in lines[0][1:])])
    for sender, by_story in played.items():
        possible = Score.of([by_story[story.name] for story in stories if story.within is not None])
        total = Score.of([by_story[story.name] for story in stories])
        share = f"{100 * possible.alive / possible.codes:.1f} % ({possible.alive} of {possible.codes})"
        lines.append([sender, share, str(total.dead), str(total.twice), str(possible.never)])
    return _lines(lines)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
