"""How well a library is read, and an engine: samples that people transcribe, error rates with intervals, drift.

From a notebook, `library` being `Library.open(DIR)`::

    drawn = draw(library, Design(lines=400))                      # draw
    audit = publish(library, drawn.rows)                          # draw
    todo = open_lines(library, audit, transcriber="Ada")          # transcriptions
    add_transcriptions(library, [Transcription(todo[0].line_id, "Kew Gardens", "Ada", audit_id=audit)])
    report = measure_sample(library, audit)                       # measure
    save_report(library, report)                                  # measure
    Path("report.html").write_text(as_html(report, library))      # sample_report
    drift(library, by="month").alarms(above=0.01)                 # drift

The comments name the modules of this package.
"""
