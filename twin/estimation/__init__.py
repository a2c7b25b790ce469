"""From rows to health. This package's guest side runs in the sandbox and knows no Django."""
