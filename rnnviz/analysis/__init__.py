"""What a trained network does, as tensors and as arrays that are ready to draw.

Tensors: `tracing` (gates and states), `gradients`, `sampling`. Arrays and numbers of runs:
`text_view`, `gradient_decay`, `laboratory`, `sweeps`, `comparison`, `learning_curves`,
`token_scores`, `time_lapse`, `windows`. Nothing here imports plotly, streamlit, `figures` or `app`,
and the modules of arrays import torch inside functions only.
"""
