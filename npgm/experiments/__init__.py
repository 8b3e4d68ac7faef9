"""The paper's experiments: `python -m npgm.experiments NAME`."""
