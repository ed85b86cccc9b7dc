"""Print what the programs of a project would apply, as JSON, without an engine: run by the project's infra environment.

manifests.py ENVIRONMENT SETTINGS    settings: JSON, the configuration's keys without namespace
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
from recording import record

if __name__ == "__main__":
    sys.unraisablehook = lambda _: None
    settings = json.loads(sys.argv[2])
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    print(json.dumps([each.inputs for each in record("kubernetes", sys.argv[1], texts) if "apiVersion" in each.inputs]))
