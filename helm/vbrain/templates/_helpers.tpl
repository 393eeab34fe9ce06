{{/*
Prefix of all objects' names. The name of a Service begins with a letter and has no dot, but a release may be called 123 or a.b.
Names are quoted wherever they are used: YAML takes 123, yes or 1e3 for something else than a text.
*/}}
{{- define "vbrain.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name | replace "." "-" -}}
{{- if not (regexMatch "^[a-z]" $name) }}{{ $name = printf "vbrain-%s" $name }}{{ end -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that select a component's pods; they must not change between upgrades of a release. Call with (dict "root" $ "component" "controller"). */}}
{{- define "vbrain.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default "vbrain" | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end -}}

{{/* All labels of an object. "more" may hold further ones; the chart's own have precedence, because Deployments and Services select by them. */}}
{{- define "vbrain.labels" -}}
{{- $own := include "vbrain.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "vbrain" -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- merge $own (.more | default dict) .root.Values.commonLabels | toYaml -}}
{{- end -}}

{{/*
Name, labels and annotations of an object. Call with (dict "root" $ "component" "controller" "name" its-name), and with "annotations"
and "more" (labels) if it has any of its own.
*/}}
{{- define "vbrain.metadata" -}}
name: {{ .name | quote }}
labels: {{- include "vbrain.labels" . | nindent 2 }}
{{- with merge (deepCopy (.annotations | default dict)) .root.Values.commonAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The metadata of a pod template. Call with (dict "root" $ "component" "controller" "values" its-values). */}}
{{- define "vbrain.podMetadata" -}}
labels: {{- include "vbrain.labels" (dict "root" .root "component" .component "more" .values.podLabels) | nindent 2 }}
{{- with merge (deepCopy .values.podAnnotations) .root.Values.commonAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Full name of an image. Call with (dict "root" $ "image" .Values.controller.image). */}}
{{- define "vbrain.image" -}}
{{- $registry := coalesce .image.registry .root.Values.imageRegistry .root.Values.global.imageRegistry -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end -}}

{{/* imagePullSecrets of the chart and of its parent. An entry is a name, or an object with a name, as in a pod. */}}
{{- define "vbrain.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.imagePullSecrets (.Values.global.imagePullSecrets | default list) -}}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- with $names | uniq -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "vbrain.claimName" -}}
{{- .Values.volume.existingClaim | default (printf "%s-volume" (include "vbrain.fullname" .)) -}}
{{- end -}}

{{/* Name of the static PersistentVolume. It is cluster-wide, so the name contains the namespace. */}}
{{- define "vbrain.persistentVolumeName" -}}
{{- printf "%s-%s-volume" .Release.Namespace (include "vbrain.fullname" .) -}}
{{- end -}}

{{/* podSecurityContext, with the group of the shared volume. */}}
{{- define "vbrain.podSecurityContext" -}}
{{- $context := deepCopy .Values.podSecurityContext -}}
{{- $gid := .Values.volume.gid | int64 -}}
{{- $_ := set $context "supplementalGroups" (append ($context.supplementalGroups | default list) $gid | uniq) -}}
{{- if .Values.volume.fsGroup -}}
{{- $_ := set $context "fsGroup" $gid -}}
{{- $_ := set $context "fsGroupChangePolicy" "OnRootMismatch" -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{/* Secret with the certificate of the REST server; "" if it speaks HTTP. */}}
{{- define "vbrain.tlsSecret" -}}
{{- with .Values.apiServer.tls -}}
{{- $made := ternary (printf "%s-api-server-tls" (include "vbrain.fullname" $)) "" (ne .certManager.issuerRef.name "") -}}
{{- .secretName | default $made -}}
{{- end -}}
{{- end -}}

{{/* http or https: the scheme of the REST server. The name of its port is always http. */}}
{{- define "vbrain.restScheme" -}}
{{- ternary "https" "http" (ne (include "vbrain.tlsSecret" .) "") -}}
{{- end -}}

{{/* Pod name and namespace, from the downward API. */}}
{{- define "vbrain.identityEnv" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- {name: VBRAIN_NAMESPACE, value: $(POD_NAMESPACE)}
{{- end -}}

{{- define "vbrain.probes" -}}
# Time for a program to begin to serve /livez, on a slow node too. The liveness probe starts after it. Filling the caches takes longer in
# a large installation: meanwhile the pod is alive and not ready.
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* Scheduling of a program's pods. Call with (dict "values" its-values "selector" its-selector-labels). */}}
{{- define "vbrain.scheduling" -}}
{{- $selector := .selector -}}
{{- with .values -}}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints:
{{- range . }}
{{- $own := dict "labelSelector" (dict "matchLabels" ($selector | fromYaml)) }}
  - {{- toYaml (merge (deepCopy .) (ternary dict $own (hasKey . "labelSelector"))) | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Call with (dict "root" $ "values" its-values "component" "controller" "name" the-Deployment's "replicas" the-fewest). */}}
{{- define "vbrain.podDisruptionBudget" -}}
{{- if and (gt (int .replicas) 1) .values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "vbrain.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels: {{- include "vbrain.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}
