package resolve

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Workload is what somebody deployed: "Deployment", "web". A pod that nothing owns is its own.
type Workload struct{ Kind, Name string }

// WorkloadOf returns the workload that the pod belongs to, as far as the pod alone tells: the Deployment, not its
// ReplicaSet; but the Job, where a CronJob made that.
func WorkloadOf(pod *corev1.Pod) Workload {
	owner := metav1.GetControllerOf(pod)
	if owner == nil || owner.Kind == "Node" { // a static pod's
		return Workload{"Pod", pod.Name}
	}
	// The Deployment controller calls a ReplicaSet by its own name and the hash that it also puts on the pods
	// (getNewReplicaSet in k8s.io/kubernetes/pkg/controller/deployment).
	hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if name, ok := strings.CutSuffix(owner.Name, "-"+hash); owner.Kind == "ReplicaSet" && hash != "" && ok {
		return Workload{"Deployment", name}
	}
	return Workload{owner.Kind, owner.Name}
}

// CronJobsOf returns the CronJob of each Job that has one, by the Job's namespace and name.
func CronJobsOf(jobs []batchv1.Job) map[[2]string]Workload {
	owners := map[[2]string]Workload{}
	for i := range jobs {
		if owner := metav1.GetControllerOf(&jobs[i]); owner != nil {
			owners[[2]string{jobs[i].Namespace, jobs[i].Name}] = Workload{owner.Kind, owner.Name}
		}
	}
	return owners
}
