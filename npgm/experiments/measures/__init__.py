"""What is measured of a trained network, each number declared once; tables, columns and
files follow."""
from npgm.experiments.measures import outcomes
from npgm.experiments.measures.measure import (LAST_ONLY, MEASURES, Quantity, measure,
                                               some)

__all__ = ["LAST_ONLY", "MEASURES", "Quantity", "measure", "outcomes", "some"]
