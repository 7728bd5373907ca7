{{/* The pod of a node, for a list of: the root, the node's role, and the names of the templates of its labels and of those
that select it. */}}

{{- define "bocau.pod" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $labels := index . 2 -}}
{{- $selectorLabels := index . 3 -}}
metadata:
  labels:
    {{- include $labels $root | nindent 4 }}
    {{- with $root.Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A change of bocau.toml is a change of the pods.
    bocau/config-checksum: {{ $root.Values.config | sha256sum }}
    {{- with $root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "bocau.serviceAccountName" $root }}
  automountServiceAccountToken: false
  # Its variables would only say where other services are.
  enableServiceLinks: false
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  # Attempts in flight end within 30 s, after the 5 s of preStop.
  terminationGracePeriodSeconds: 40
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: bocau
      image: {{ include "bocau.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [serve]
      env:
        - name: BOCAU_ROLE
          value: {{ $role }}
        {{- include "bocau.env" $root | nindent 8 }}
      ports:
        - name: http
          containerPort: 8080
      # Until no proxy of the cluster sends anything here any more; there is no shell for an exec.
      lifecycle:
        preStop:
          sleep:
            seconds: 5
      # An upgrade of the schema may take long; until then nothing answers.
      startupProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      resources:
        {{- toYaml $root.Values.resources | nindent 8 }}
      volumeMounts:
        {{- include "bocau.volumeMounts" $root | nindent 8 }}
  volumes:
    {{- include "bocau.volumes" $root | nindent 4 }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $root.Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml $root.Values.topologySpreadConstraints | nindent 4 }}
  {{- else if eq $root.Values.mode "postgres" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include $selectorLabels $root | nindent 10 }}
  {{- end }}
{{- end -}}
