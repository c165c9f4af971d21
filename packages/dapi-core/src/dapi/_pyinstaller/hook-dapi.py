"""Collect run-time data: metadata, modules and data of distributions with entry points of dapi.

The variables ``DAPI_PLUGINS`` and ``DAPI_DISABLE_PLUGINS`` leave out, while an application is
frozen, what it does not need.
"""

from contextlib import suppress

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

from dapi._plugins.discovery import CORE, discover

plugins = [plugin for plugin in discover() if not plugin.disabled_by]
modules = {point.target.partition(":")[0] for plugin in plugins for point in plugin.entry_points}
datas = []
hiddenimports = [*modules, "_dapi_command", "_dapi_owners"]
for name in (CORE, *(plugin.name for plugin in plugins)):
    datas += copy_metadata(name)
for package in {"dapi", *(module.partition(".")[0] for module in modules)}:
    datas += collect_data_files(package)
    with suppress(RuntimeError):  # of a package that ends Python when it is imported
        hiddenimports += collect_submodules(package, on_error="ignore")
