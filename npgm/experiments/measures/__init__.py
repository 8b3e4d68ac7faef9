"""What is measured of a trained network, each number declared once; tables, columns and
files follow."""
from npgm.experiments.measures import masking, outcomes
from npgm.experiments.measures.measure import (LAST_ONLY, MEASURES, Quantity, measure,
                                               some)

__all__ = ["LAST_ONLY", "MEASURES", "Quantity", "masking", "measure", "outcomes",
           "some"]
