"""Collect torchvision's operators, which it loads by path; PyInstaller knows only an old name."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("torchvision", search_patterns=["*.so", "*.pyd", "*.dylib"])
