"""Picard itself, without a screen: it loads files, the plugin's action is chosen in a menu, and the files are saved.

``python -m tests.players.picard_driver CONFIG KIND FILE…``: KIND, ``file`` or ``cluster``, says whose menu. Prints a
JSON object: of each file the tags, and the messages that Earmark's plugin showed, one for each file.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Callable

from picard import tagger
from picard.extension_points import item_actions
from picard.file import File
from PyQt6.QtCore import QTimer

#: After this long it says where it stands, and ends.
STUCK_S = 120.0
MENUS = {"file": item_actions.ext_point_file_actions, "cluster": item_actions.ext_point_cluster_actions}


def when(condition: Callable[[], bool], then: Callable[[], None]) -> None:
    """Do something in Picard's main thread as soon as something is so."""
    if condition():
        then()
    else:
        QTimer.singleShot(50, lambda: when(condition, then))


def drive(app: tagger.Tagger, kind: str, names: list[str]) -> None:
    """Load, choose, wait, save, print."""
    said: list[str] = []
    show = app.window.set_statusbar_message

    def hear(message: str, *arguments: object, **options: object) -> None:
        if message.startswith("Earmark: "):
            said.append(message % arguments[0])
        show(message, *arguments, **options)

    app.window.set_statusbar_message = hear

    def are(state: File.State) -> bool:
        return len(app.files) == len(names) and all(file.state == state for file in app.files.values())

    def choose() -> None:
        (action,) = MENUS[kind]
        app.window.selected_objects = list(app.files.values()) if kind == "file" else [app.unclustered_files]
        action(app.window).trigger()
        when(lambda: len(said) == len(names), save)

    def save() -> None:
        app.save(list(app.files.values()))
        when(lambda: are(File.State.NORMAL), finish)

    def finish() -> None:
        tags = {name: dict(file.metadata.items()) for name, file in app.files.items()}
        print(json.dumps({"tags": tags, "said": sorted(said)}), flush=True)
        os._exit(0)  # Picard would ask about what is not saved, and wait for its servers

    def load() -> None:
        app.add_files(names)
        when(lambda: are(File.State.NORMAL), choose)

    when(lambda: bool(list(MENUS[kind])), load)


if __name__ == "__main__":
    config, kind, *names = sys.argv[1:]
    faulthandler.dump_traceback_later(STUCK_S, exit=True)
    options = ["--stand-alone-instance", "--no-player", "--no-restore", "--no-crash-dialog"]
    sys.argv[1:] = ["--config-file", config, *options]
    tagger.setup_application()
    arguments = tagger.process_cmdline_args()
    app = tagger.Tagger(arguments, None, False, pipe_handler=tagger.setup_pipe_handler(arguments).handler)
    QTimer.singleShot(0, lambda: drive(app, kind, names))
    app.run()
