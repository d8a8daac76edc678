"""Write the stored file that later versions must still read: once per version of the format."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "estimators"))

from test_archive import table

from kerasdnn import DNNClassifier
from kerasdnn.estimators.files.archive import VERSION

here = Path(__file__).parent
frame, y = table()
model = DNNClassifier(hidden_units=(8,), epochs=30, one_hot_limit=4, random_state=0).fit(frame, y)
model.save(here / f"classifier-{VERSION}.kerasdnn")
answer = {"predict_proba": model.predict_proba(frame).tolist(), "classes": model.classes_.tolist()}
(here / f"classifier-{VERSION}.json").write_text(json.dumps(answer))
print(model.score(frame, y))
