"""Live progress of a run: a bar a link on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from catenary.chain.plan import Planned
from catenary.cli.render import duration, number, short
from catenary.messages import say
from catenary.progress import Progress
from catenary.store import Artifact

LINE_SECONDS = 10.0  # between progress lines where the output is no terminal


class Watch:
    """A `chain.run.Watcher` that draws. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bars: Bars | None = None
        if console.is_terminal:
            self.bars = Bars(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Watch:
        if self.bars:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars:
            self.bars.stop()

    def reused(self, step: Planned, artifact: Artifact) -> None:
        self.console.print(
            f"[dim]=[/] {step.link.full_name:<26} [dim]{short(artifact.id)}  {say('reused')}[/]"
        )

    def started(self, step: Planned) -> Progress:
        if not self.bars:
            self.console.print(f"> {step.link.full_name:<26} {step.link.stage.name} ({step.reason})")
        return _Shown(self, step)

    def ended(self, step: Planned, artifact: Artifact, seconds: float) -> None:
        self._clear()
        name, id = f"{step.link.full_name:<26}", f"[dim]{short(artifact.id)}[/]"
        self.console.print(f"[green]✓[/] {name} {id}  {duration(seconds):>7}  {headline(artifact)}")

    def failed(self, step: Planned, error: BaseException) -> None:
        self._clear()
        self.console.print(f"[red]✗[/] {step.link.full_name}")

    def _clear(self) -> None:
        if self.bars:
            for task in list(self.bars.task_ids):
                self.bars.remove_task(task)


class _Shown:
    """Shows one link's phases; thinned out so that showing costs nothing."""

    def __init__(self, watch: Watch, step: Planned) -> None:
        self.watch = watch
        self.link = step.link.full_name
        self.task: TaskID | None = None
        self.what, self.unit, self.total, self.done = "", "", 0.0, 0.0
        self.pending = 0.0
        self.started = self.shown = time.monotonic()
        self.figures: dict[str, float] = {}

    def begin(self, what: str, total: float | None, unit: str) -> None:
        self._show(force=True)
        self.what, self.unit, self.total, self.done = say(what), unit, total or 0.0, 0.0
        self.started = self.shown = time.monotonic()
        self.pending = 0.0
        self.figures = {}
        if self.watch.bars:
            self.watch._clear()
            self.task = self.watch.bars.add_task(f"{self.link}  {self.what}", total=total, figures=say(unit))

    def advance(self, amount: float, **figures: float) -> None:
        self.pending += amount
        self.done += amount
        self.figures.update(figures)
        self._show()

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Kept by the catalog; the bar shows the figures that `advance` brings."""

    def _show(self, force: bool = False) -> None:
        if not self.what:  # nothing has begun yet
            return
        now = time.monotonic()
        rate = self.done / max(now - self.started, 1e-9)
        figures = "  ".join(f"{say(name)} {number(value)}" for name, value in self.figures.items())
        told = f"{number(round(rate, 1 if rate < 100 else None))} {say(self.unit)}/s  {figures}"
        bars = self.watch.bars
        if bars and self.task is not None and (force or now - self.shown > 0.1):
            bars.update(self.task, advance=self.pending, figures=told) if self.task in bars.task_ids else None
        elif not bars and now - self.shown > LINE_SECONDS:
            left = duration((self.total - self.done) / rate) if rate and self.total > self.done else ""
            share = f"{self.done / self.total:4.0%}" if self.total else number(self.done)
            self.watch.console.print(
                f"  {self.link:<26} {self.what} {share}  {told}  {left and say('{time} left', time=left)}"
            )
        else:
            return
        self.pending = 0.0
        self.shown = now


class Bar:
    """One bar on a terminal, silence elsewhere: for work outside a chain's run."""

    def __init__(self, console: Console) -> None:
        self.bars = Bars(console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> Progress:
        self.bars.start()
        return _Plain(self.bars)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()


class _Plain:
    def __init__(self, bars: Bars) -> None:
        self.bars = bars

    def begin(self, what: str, total: float | None, unit: str) -> None:
        self.task = self.bars.add_task(say(what), total=total)

    def advance(self, amount: float, **figures: float) -> None:
        self.bars.advance(self.task, amount)

    def metric(self, name: str, value: float, step: int | None = None) -> None: ...


def headline(artifact: Artifact) -> str:
    """One line of what an artifact's report says."""
    headline = artifact.manifest.report.get("headline", {})
    return "  ".join(
        f"{say(name)} {number(value) if isinstance(value, int | float) else value}"
        for name, value in headline.items()
    )
