"""Any Gradio app from 3.35 to 6, asked for pictures by what it says of itself."""
