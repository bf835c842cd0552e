"""ComfyUI as a backend: workflows in API format, filled in for each job and run over its API."""
