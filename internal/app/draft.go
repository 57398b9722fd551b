package app

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// Draft is the container that a session would add.
type Draft struct {
	Container corev1.EphemeralContainer
	// Origins says where each value comes from, by its path: "image", "securityContext.runAsUser".
	Origins map[string]string
}

// MakeDraft returns the container that the session would add, and adds nothing. Where askServer is false it reads the pod
// (and its image, where that must tell whom it runs as) and asks nothing else; else the container is what the server
// would make of it.
func MakeDraft(ctx context.Context, cluster Cluster, images Images, streams Streams, r SessionRequest, askServer bool) (Draft, error) {
	if err := r.mayHaveImage(); err != nil {
		return Draft{}, err
	}
	pod, err := findPod(ctx, cluster, streams, nil, r.TargetRequest, wouldEnter(ctx, cluster, r))
	if err != nil {
		return Draft{}, err
	}
	name, err := findContainer(ctx, streams, pod, r.Container)
	if err != nil {
		return Draft{}, err
	}
	if err := preflight.State(pod, name); err != nil {
		return Draft{}, err
	}
	f, plan, err := planFromImage(ctx, pod, name, imageReader{cluster: cluster, images: images, request: r.PlanRequest})
	if err != nil {
		return Draft{}, err
	}
	r = r.settled(plan)
	if err := r.haveImage(); err != nil {
		return Draft{}, err
	}
	user := ""
	if askServer && plan.StepUp {
		user = whoAmI(ctx, cluster)
	}
	d := Draft{Container: r.container(pod, f, plan, user), Origins: r.origins(pod, plan)}
	if !askServer {
		return d, nil
	}
	stored, err := preflight.DryRun(ctx, cluster, pod, d.Container)
	if err != nil {
		return Draft{}, err
	}
	d.serve(stored)
	return d, nil
}

// origins says where each value of the request's container comes from.
func (r SessionRequest) origins(pod *corev1.Pod, plan profiles.Plan) map[string]string {
	origins := map[string]string{
		"name":                "made for each container",
		"image":               r.ImageOrigin,
		"command":             "the holder of this version, and --ttl",
		"env":                 "the scripts of this version",
		"targetContainerName": resolve.Rule(pod, r.Container),
	}
	if r.TTLOrigin != "" {
		origins["command"] = "the holder of this version, and the time to live of " + r.TTLOrigin
	}
	if r.Attach {
		origins["command"] = "the process of this version, for --via=attach"
		for _, field := range []string{"stdin", "stdinOnce", "tty"} {
			origins[field] = "--via=attach"
		}
	}
	if r.PullPolicy != "" {
		origins["imagePullPolicy"] = "flag"
	}
	if len(r.Env) > 0 {
		origins["env"] += ", and --env"
	}
	if r.MountVolumes {
		origins["volumeMounts"] = "--mount-volumes"
	}
	if plan.Custom != nil {
		for _, field := range plan.Custom.Fields() {
			if origins[field] != "" {
				origins[field] += ", and "
			}
			origins[field] += "the custom file"
		}
	}
	for field, origin := range plan.Origins {
		origins["securityContext."+field] = origin
	}
	return origins
}

// serve makes the draft what the server would store.
func (d *Draft) serve(stored *corev1.EphemeralContainer) {
	asked, served := fields(d.Container), fields(*stored)
	for name, value := range served {
		switch before, had := asked[name]; {
		case !had:
			d.Origins[name] = "the API server's default"
		case !equality.Semantic.DeepEqual(before, value):
			d.Origins[name] = "changed by the API server"
		}
	}
	d.Container = *stored
}

// fields returns a container as its JSON has it.
func fields(c corev1.EphemeralContainer) map[string]any {
	out := map[string]any{}
	text, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err) // a typed API object always converts
	}
	return out
}
