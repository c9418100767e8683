"""rnnviz: train small recurrent language models and see inside them.

The public names are listed in `__init__.pyi` and imported on first use: `import rnnviz`, and the
app's first screen, do not wait for torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
