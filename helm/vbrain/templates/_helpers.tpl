{{- define "vbrain.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that select a component's pods; they must not change between upgrades of a release. Call with (dict "root" $ "component" "controller"). */}}
{{- define "vbrain.selectorLabels" -}}
app.kubernetes.io/name: vbrain
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "vbrain.labels" -}}
{{ include "vbrain.selectorLabels" . }}
app.kubernetes.io/part-of: vbrain
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Full name of an image. Call with (dict "root" $ "image" .Values.controller.image). */}}
{{- define "vbrain.image" -}}
{{- $registry := .image.registry | default .root.Values.imageRegistry -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end -}}

{{- define "vbrain.claimName" -}}
{{- .Values.volume.existingClaim | default (printf "%s-volume" (include "vbrain.fullname" .)) -}}
{{- end -}}

{{/* Name of the static PersistentVolume. It is cluster-wide, so the name contains the namespace. */}}
{{- define "vbrain.persistentVolumeName" -}}
{{- printf "%s-%s-volume" .Release.Namespace (include "vbrain.fullname" .) -}}
{{- end -}}

{{/* The fields that Pod Security "restricted" requires, and the group of the shared volume. */}}
{{- define "vbrain.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
supplementalGroups: [{{ .Values.volume.gid }}]
{{- if .Values.volume.fsGroup }}
fsGroup: {{ .Values.volume.gid }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "vbrain.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
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
# Long enough to fill the caches of a large installation. The liveness probe starts after it.
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
priorityClassName: {{ . }}
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

{{/* Call with (dict "root" $ "values" its-values "component" "controller" "name" the-Deployment's). */}}
{{- define "vbrain.podDisruptionBudget" -}}
{{- if and (gt (int .values.replicas) 1) .values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels: {{- include "vbrain.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels: {{- include "vbrain.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}
