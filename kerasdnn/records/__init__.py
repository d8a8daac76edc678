"""What a fitted model remembers about its training, and the proof that it can be repeated.

`contents` makes the record (`model.record_`), `intervals` computes its scores, `text` shows it,
`card` writes the model card, `refitting` trains a model again and reports what differs.
"""
