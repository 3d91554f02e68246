{{- define "barrage.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "barrage.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "barrage.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "barrage.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "barrage.selector" -}}
app.kubernetes.io/name: {{ include "barrage.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "barrage.labels" -}}
{{ include "barrage.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "barrage.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "barrage.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The configuration of a node: what the values say, and what the chart has to say itself. */}}
{{- define "barrage.config" -}}
{{- $ours := dict "server" (dict "listen" ":9000") "admin" (dict "listen" ":9001" "keys_file" "/etc/barrage/keys/keys.yaml") -}}
{{- toYaml (mustMergeOverwrite (deepCopy .Values.config) $ours) -}}
{{- end -}}

{{/* What of it a node takes only at its start: its checksum restarts pods. */}}
{{- define "barrage.fixed" -}}
{{- $fixed := omit .Values.config "limits" "storm" "filter" "hook" "cors" "log" -}}
{{- range $section, $keys := dict "server" (list "drain_timeout" "drain_spread" "ping_interval" "idle_timeout") "room" (list "linger" "queue_messages" "queue_bytes" "queue_age") "history" (list "on_join") -}}
{{- $one := get $.Values.config $section | default dict -}}
{{- range $keys -}}{{- $one = omit $one . -}}{{- end -}}
{{- $fixed = set $fixed $section $one -}}
{{- end -}}
{{- toYaml $fixed -}}
{{- end -}}
