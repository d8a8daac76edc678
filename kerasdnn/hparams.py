"""A finished search as TensorBoard shows it: the HParams page and a curve per trial."""

from pathlib import Path


def write_hparams(result, folder):
    """Write one run per trial.

    Args:
        result: `SearchResult`.
        folder: what `tensorboard --logdir` takes.
    """
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    for _, row in result.trials.iterrows():
        settings = {
            name: value if isinstance(value, (int, float, str, bool)) else str(value)
            for name, value in row[result.names].items()
        }
        writer = tf.summary.create_file_writer(str(Path(folder, f"trial_{row['trial']}")))
        with writer.as_default():
            api.hparams(settings, trial_id=row["trial"])
            own = result.epochs[result.epochs["trial"] == row["trial"]]
            for epoch, value in own.groupby("epoch")[result.objective].mean().items():
                tf.summary.scalar(result.objective, value, step=int(epoch))
        writer.close()
