#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

answers() { [ "$(curl -ksS --max-time 10 "https://$ADDRESS:$OPT_PORT/readyz")" = ok ]; }
until_true 60 'an API server answers behind the load balancer' answers
echo "the API answers at https://$ADDRESS:$OPT_PORT"
