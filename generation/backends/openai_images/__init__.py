"""OpenAI-style image endpoints as a backend: hosted ones, SGLang-Diffusion, vLLM-Omni, LocalAI."""
