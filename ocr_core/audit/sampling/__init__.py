"""Drawing lines that stand for a library: strata, how many lines it takes, what each stands for."""
