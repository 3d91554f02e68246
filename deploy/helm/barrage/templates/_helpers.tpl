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

{{/* The configuration of a node: the values, and the keys that the chart sets itself. */}}
{{- define "barrage.config" -}}
{{- $ours := dict "server" (dict "listen" ":9000") "admin" (dict "listen" ":9001" "keys_file" "/etc/barrage/keys/keys.yaml") -}}
{{- toYaml (mustMergeOverwrite (deepCopy .Values.config) $ours) -}}
{{- end -}}

{{/* The part of it that a node takes only at its start, as config.yaml says: its checksum restarts pods. */}}
{{- define "barrage.fixed" -}}
{{- $keys := dict "server" (list "listen" "max_connections" "pollers" "send_buffer" "read_header_timeout" "proxy_protocol" "max_header_bytes" "test_page" "emotes") "auth" (list "mode") "room" (list "auto_join" "publishers") "fanout" (list "lanes" "io_uring" "interval" "log_bytes" "total_log_bytes" "write_bytes") "log" (list "format") "traces" (list "endpoint" "headers") -}}
{{- $fixed := pick .Values.config "admin" "redis" "list" "webhooks" "config" -}}
{{- range $section, $names := $keys -}}
{{- $one := dict -}}
{{- range $names -}}
{{- if hasKey (get $.Values.config $section | default dict) . -}}{{- $one = set $one . (get (get $.Values.config $section) .) -}}{{- end -}}
{{- end -}}
{{- $fixed = set $fixed $section $one -}}
{{- end -}}
{{- toYaml $fixed -}}
{{- end -}}
