{{- define "aw.labels" -}}
app.kubernetes.io/name: activation-worker
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "aw.selector" -}}
app.kubernetes.io/name: activation-worker
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: worker
{{- end }}

{{- define "aw.desk" -}}
app.kubernetes.io/name: activation-worker
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: desk
{{- end }}

{{- /* The pods that have work with the servers. */ -}}
{{- define "aw.ours" -}}
matchLabels:
  app.kubernetes.io/name: activation-worker
  app.kubernetes.io/instance: {{ .Release.Name }}
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [worker, migrate, doctor]}
{{- end }}

{{- /* Those whose ways out are policed: the job that migrates runs before a changed policy is there. */ -}}
{{- define "aw.policed" -}}
matchLabels:
  app.kubernetes.io/name: activation-worker
  app.kubernetes.io/instance: {{ .Release.Name }}
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [worker, doctor]}
{{- end }}

{{- define "aw.image" -}}
{{- $version := print ":" (.Values.image.tag | default .Chart.AppVersion) -}}
{{- .Values.image.repository }}{{ empty .Values.image.digest | ternary $version (print "@" .Values.image.digest) -}}
{{- end }}

{{- define "aw.closed" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "aw.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "aw.configuration" -}}
- name: config
  configMap:
    name: {{ .Release.Name }}-config
    items:
      - {key: worker.toml, path: worker.toml}
      {{- range $name, $_ := .Values.providers }}
      - {key: provider.{{ $name }}.toml, path: providers/{{ $name }}.toml}
      {{- end }}
      {{- range $name, $_ := .Values.policies }}
      - {key: policy.{{ $name }}.toml, path: policies/{{ $name }}.toml}
      {{- end }}
      {{- range $name, $_ := .Values.clauses }}
      - {key: clauses.{{ $name }}.toml, path: policies/clauses/{{ $name }}.toml}
      {{- end }}
- name: secrets
  secret: {secretName: {{ .Values.existingSecret }}, defaultMode: 0440}
{{- end }}

{{- define "aw.placed" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Alerts and boards as they ship, with links that lead where the values say. */ -}}
{{- define "aw.linked" -}}
{{- $root := index . 0 }}
{{- $text := index . 1 }}
{{- with $root.Values.monitoring.runbooksUrl }}
{{- $text = $text | replace "{{ $externalURL }}/user" . | replace "http://127.0.0.1:9090/user" . }}
{{- end }}
{{- with $root.Values.monitoring.grafanaUrl }}
{{- $text = $text | replace "{{ $externalLabels.grafana }}" . }}
{{- end }}
{{- $text }}
{{- end }}
