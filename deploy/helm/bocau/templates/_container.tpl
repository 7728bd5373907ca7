{{/* The environment and the volumes of a node. */}}

{{- define "bocau.env" -}}
- name: BOCAU_LISTEN
  value: 0.0.0.0:8080
- name: BOCAU_DATA_DIR
  value: /data
- name: BOCAU_LOG_FORMAT
  value: {{ .Values.log.format }}
{{- with .Values.log.filter }}
- name: BOCAU_LOG
  value: {{ . | quote }}
{{- end }}
{{- with .Values.publicUrl }}
- name: BOCAU_PUBLIC_URL
  value: {{ . | quote }}
- name: BOCAU_SECURE_COOKIES
  value: {{ hasPrefix "https://" . | quote }}
{{- end }}
{{- with .Values.trustedProxies }}
- name: BOCAU_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- if eq .Values.mode "postgres" }}
- name: BOCAU_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
{{- end }}
{{- with .Values.masterKey.existingSecret }}
- name: BOCAU_MASTER_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.masterKey.key }}
{{- end }}
{{- with .Values.bootstrapApiKey.existingSecret }}
- name: BOCAU_BOOTSTRAP_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.bootstrapApiKey.key }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "bocau.volumeMounts" -}}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
{{- if .Values.config }}
- name: config
  mountPath: /etc/bocau
  readOnly: true
{{- end }}
{{- if and (eq .Values.mode "postgres") .Values.database.caSecret }}
- name: database-ca
  mountPath: /etc/bocau-database
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "bocau.volumes" -}}
- name: data
{{- if eq .Values.mode "sqlite" }}
  persistentVolumeClaim:
    claimName: {{ include "bocau.claimName" . }}
{{- else }}
  # The database is elsewhere: the directory only has to be there.
  emptyDir:
    sizeLimit: 16Mi
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 512Mi
{{- if .Values.config }}
- name: config
  configMap:
    name: {{ include "bocau.fullname" . }}
{{- end }}
{{- if and (eq .Values.mode "postgres") .Values.database.caSecret }}
- name: database-ca
  secret:
    secretName: {{ .Values.database.caSecret }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
