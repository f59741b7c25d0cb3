#!/bin/bash
# Every parameter of an action is in a variable: PARAM_<NAME>.
set -euo pipefail

said="$OPT_GREETING, $PARAM_NAME, from $UNIT"
echo "$said"
muster-publish greeting "$said"
