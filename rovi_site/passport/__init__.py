"""A battery summed up for whoever takes it over: what it is, went through, how healthy it is, and how that is known."""
