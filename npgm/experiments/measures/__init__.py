"""What is measured of a trained network, each number declared once; tables, columns and
files follow."""
from npgm.experiments.measures import (attacked, masking, outcomes, outliers, pictures,
                                       silent)
from npgm.experiments.measures.measure import (LAST_ONLY, MEASURES, Quantity,
                                               is_last_only, measure, named, some)

__all__ = ["LAST_ONLY", "MEASURES", "Quantity", "attacked", "is_last_only", "masking",
           "measure", "named", "outcomes", "outliers", "pictures", "silent", "some"]
