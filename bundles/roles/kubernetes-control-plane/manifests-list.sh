# shellcheck shell=bash
# Sourced, after kubernetes.sh: the list of what the option manifests has laid, one object a line, with tabs between:
# apiVersion, kind, namespace (or -), name. The cluster itself keeps it, so that any control plane can go on with it.
kubectl() { command kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
kept=(-n kube-system configmap muster-manifests)

objects_in() { # objects_in FOLDER
  kubectl get -R -f "$1" -o json |
    jq -r '(if .kind == "List" then .items[] else . end) | [.apiVersion, .kind, (.metadata.namespace // "-"), .metadata.name] | @tsv'
}

applied_objects() { kubectl get "${kept[@]}" --ignore-not-found -o json | jq -r '.data.objects // empty' | sed '/^$/d'; }

remember() { # remember FILE
  if [ -s "$1" ]; then
    kubectl create "${kept[@]}" --from-file=objects="$1" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
  else
    kubectl delete "${kept[@]}" --ignore-not-found >/dev/null
  fi
}

# What defines kinds, and what others are in, goes last.
delete_objects() { # delete_objects FILE
  local version kind namespace name group
  { grep -vP '\t(CustomResourceDefinition|Namespace)\t' "$1" || true; grep -P '\t(CustomResourceDefinition|Namespace)\t' "$1" || true; } |
    while IFS=$'\t' read -r version kind namespace name; do
      group=''
      if [[ $version == */* ]]; then group=${version%%/*} version=${version#*/}; fi
      if [ "$namespace" = - ]; then namespace=default; fi
      kubectl delete "$kind.$version.$group" "$name" -n "$namespace" --ignore-not-found --wait=false </dev/null
    done
}
