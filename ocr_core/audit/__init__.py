"""How well a library is read, and an engine: samples that people transcribe, error rates with intervals, drift.

From a notebook, `library` being `Library.open(DIR)`::

    drawn = draw(library, Design(lines=400))                      # sampling.draw
    audit = publish(library, drawn.rows)                          # sampling.draw
    todo = open_lines(library, audit, transcriber="Ada")          # transcription.samples
    add_transcriptions(library, [Transcription(todo[0].line_id, "Kew Gardens", "Ada", audit_id=audit)])
    report = measure_sample(library, audit)                       # results.measure
    save_report(library, report)                                  # results.save
    Path("report.html").write_text(as_html(report, library))      # results.sample_report
    drift(library, by="month").alarms(above=0.01)                 # results.drift

The comments name the modules. What they stand on:

- `metrics`: how texts are compared, error rates, their intervals
- `sampling`: which lines are drawn, and what each stands for
- `transcription`: what people are given to write down, and what comes back
- `evaluation`: an engine on the lines of ground truth
- `results`: what the transcribed lines of a sample say of a library, and whether it became worse
"""
