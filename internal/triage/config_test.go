package triage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// mounts gives the container of the healthy sample its volumes.
func mounts(s *Subject) {
	c := &s.Pod.Spec.Containers[0]
	c.Env = []corev1.EnvVar{{Name: "TOKEN"}}
	c.Resources.Limits = corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("100Mi")}
	c.VolumeMounts = []corev1.VolumeMount{
		{Name: "cm", MountPath: "/etc/web"},
		{Name: "sec", MountPath: "/etc/sec"},
		{Name: "tmp", MountPath: "/tmp/"},
		{Name: "cm", MountPath: "/one/web.conf", SubPath: "web.conf"},
		{Name: "token", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"},
	}
	ten := resource.MustParse("10Mi")
	s.Pod.Spec.Volumes = []corev1.Volume{
		{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}}}},
		{Name: "sec", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "sec"}}},
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &ten}}},
		{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}}}}},
	}
}

// TestConfigFolders: a source may put its files into folders, which are links to others as the kubelet makes them.
func TestConfigFolders(t *testing.T) {
	t.Parallel()
	for name, shell := range shells() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "..data", "tls", "ca"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "..data", "tls", "ca", "ca.crt"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("..data/tls", filepath.Join(dir, "tls")); err != nil {
				t.Fatal(err)
			}
			s := aSubject()
			mounts(&s)
			s.Pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "cm", MountPath: dir}}
			report, err := Run(t.Context(), local{shell}, s, []string{"config"}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Topics[0].Facts[0].Text; !strings.HasPrefix(got, "ConfigMap cm: tls/ca/ca.crt (1 byte, ") {
				t.Errorf("it sees %q, and finds %v", got, report.Findings)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	const part = "notice: ConfigMap cm at /one/web.conf is mounted by subPath"
	wantReadings(t, config, map[string]reading{
		"healthy": {sample: "v1-healthy", change: mounts, findings: []string{part}, facts: map[string]string{
			"/etc/web": "ConfigMap cm: other.conf (1 byte, 54m old), web.conf (11 bytes, 54m old)", "/etc/sec": "Secret sec: password (7 bytes, 54m old)",
			"variables": "HOME, HOSTNAME, PATH, TOKEN and 8 of Services and others",
		}},
		"nothing mounted": {sample: "v1-busy"},
		"empty": {
			sample: "v1-healthy", change: mounts, replace: []string{"r 7 1795344047 password\n", ""},
			findings: []string{"warning: Secret sec at /etc/sec has no files", part},
		},
		"an empty file": {
			sample: "v1-healthy", change: mounts, replace: []string{"r 7 1795344047 password", "r 0 1795344047 password"},
			findings: []string{"warning: of Secret sec at /etc/sec these are empty: password", part},
		},
		"an empty file of a ConfigMap": {
			sample: "v1-healthy", change: mounts, replace: []string{"r 1 1795344047 other.conf", "r 0 1795344047 other.conf"},
			findings: []string{"notice: of ConfigMap cm at /etc/web these are empty: other.conf", part},
		},
		"no labels": {
			sample: "v1-healthy", change: func(s *Subject) {
				mounts(s)
				s.Pod.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{}}
			}, replace: []string{"r 1 1795344047 other.conf", "r 0 1795344047 other.conf"},
			findings: []string{"notice: downward API cm at /one/web.conf is mounted by subPath"},
		},
		"a name of 1.30": {sample: "v1-healthy", change: func(s *Subject) {
			mounts(s)
			s.Pod.Spec.Containers[0].Env = append(s.Pod.Spec.Containers[0].Env, corev1.EnvVar{Name: "1/a b"})
		}, findings: []string{part}},
		"closed": {
			sample: "v1-healthy", change: mounts, replace: []string{"r 7 1795344047 password", "- 7 1795344047 password"},
			findings: []string{"critical: of Secret sec at /etc/sec the user of the container, 65532:65532, cannot read password", part},
		},
		"changed": {
			sample: "v1-healthy", change: mounts, replace: []string{"r 7 1795344047 password", "r 7 1795347285 password"},
			findings: []string{"notice: of Secret sec at /etc/sec these were changed after the program started, 54m ago: password 60s ago", part},
		},
		"a variable that is not there": {
			sample: "v1-healthy", change: mounts, replace: []string{"TOKEN\n", ""},
			findings: []string{part, "notice: variables of the pod are not in the environment of the first process: TOKEN"},
		},
		"no clock": {sample: "v1-healthy", replace: []string{"1795347345\n37476.33 20594.71\n", ""}, unread: []string{"the clock"}},
	})
	if words := configPaths(Subject{Pod: runs(), Container: "app"}); len(words) > 0 {
		t.Errorf("without volumes the words are %q", words)
	}
}
