"""Help in plain text that keeps the panels of options apart, as Rich would."""

from typer.core import TyperCommand, TyperOption


class PanelCommand(TyperCommand):
    """A command whose options with a `rich_help_panel` stand under that heading, below the others."""

    def format_options(self, ctx, formatter) -> None:  # type: ignore[no-untyped-def]  # typer hides these classes
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            panel = param.rich_help_panel if isinstance(param, TyperOption) else "Arguments"
            panels.setdefault(panel or "Options", []).append(record)
        for panel, records in panels.items():
            if records:
                with formatter.section(panel):
                    formatter.write_dl(records)
