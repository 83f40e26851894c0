"""From the output of a CTC network to text: characters, best paths, beam search, language model, words."""
