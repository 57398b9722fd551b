package app

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Checked is what was found about one target.
type Checked struct {
	Namespace string
	// Workload is what its pod belongs to; Pods is how many pods of it there are, where they were counted.
	Workload resolve.Workload
	Pods     int
	// Pod and Container are what was looked at; empty where it did not come to that.
	Pod, Container string
	// Plan is nil where none could be made; then there is no Draft either.
	Plan  *profiles.Plan
	Draft *Draft
	// Findings are in the order in which a session comes to them.
	Findings []preflight.Finding
}

// Works says whether a session would work.
func (c *Checked) Works() preflight.Verdict { return preflight.Worst(c.Findings) }

func (c *Checked) find(f preflight.Finding) { c.Findings = append(c.Findings, f) }

// Check goes the way of a session up to where it would write something, and returns what it found. An error is that the
// check itself was not possible.
func Check(ctx context.Context, cluster Cluster, images Images, streams Streams, r SessionRequest) (Checked, error) {
	c := Checked{Namespace: r.Namespace}
	k := checker{cluster: cluster, images: images, request: r}
	pod, err := findPod(ctx, cluster, streams, nil, r.TargetRequest, wouldEnter(ctx, cluster, r))
	if err != nil {
		if !standsInTheWay(err) {
			return c, err
		}
		c.find(preflight.Finding{About: preflight.AboutTarget, Verdict: preflight.No, Err: err})
		k.identify(ctx)
		// That the pod may not be read was just said.
		name := ""
		if r.Query.Kind == target.Pods {
			name = r.Query.Name
		}
		reviews := preflight.Reviews(ctx, cluster, r.Namespace, name)
		for _, f := range preflight.PermissionFindings(reviews, r.Namespace, "", k.user) {
			var forbidden *fault.Forbidden
			if !errors.As(f.Err, &forbidden) || forbidden.Call != access.GetPod.String() {
				c.find(f)
			}
		}
		return c, nil
	}
	c.Workload, c.Pod, c.Pods = resolve.WorkloadOf(pod), pod.Name, 1
	name, err := findContainer(ctx, streams, pod, r.Container)
	if err != nil {
		if !standsInTheWay(err) {
			return c, err
		}
		c.find(preflight.Finding{About: preflight.AboutTarget, Verdict: preflight.No, Err: err})
		return c, nil
	}
	k.identify(ctx)
	c.Container = name
	err = k.check(ctx, &c, pod, preflight.Reviews(ctx, cluster, pod.Namespace, pod.Name), false)
	return c, err
}

// standsInTheWay reports whether an error is what a session would fail with, rather than that of a check that cannot be
// made.
func standsInTheWay(err error) bool {
	var forbidden *fault.Forbidden
	var many *fault.ManyContainers
	var noneRuns *fault.NoneRuns
	var nonePicked *fault.NonePicked
	return errors.As(err, &forbidden) || errors.As(err, &many) || errors.As(err, &noneRuns) || errors.As(err, &nonePicked)
}

// checker checks targets for one user.
type checker struct {
	cluster Cluster
	images  Images
	request SessionRequest
	user    authenticationv1.UserInfo
}

// identify asks whom the server takes the user for. Where it does not tell, findings do not name him.
func (k *checker) identify(ctx context.Context) {
	if user, err := k.cluster.WhoAmI(ctx); err == nil {
		k.user = user
	}
}

// check looks at one container of one pod. Elsewhere is true where another pod on its node has the debug image.
func (k *checker) check(ctx context.Context, c *Checked, pod *corev1.Pod, reviews map[access.Call]preflight.Review, elsewhere bool) error {
	c.find(preflight.TargetFinding(pod, c.Container))
	f, plan, err := k.plan(ctx, pod, c.Container)
	if err != nil {
		c.find(k.noIdentityFinding(pod, c.Container, err))
		c.Findings = append(c.Findings, preflight.PermissionFindings(reviews, pod.Namespace, "", k.user)...)
		c.find(preflight.NotAsked("without an identity there is no container to ask about"))
		return nil
	}
	c.Plan = &plan
	if f, ok := k.noImage(plan); ok {
		c.find(f)
		return nil
	}
	user := ""
	if plan.StepUp {
		user = k.user.Username
	}
	c.Draft = &Draft{Container: k.request.container(pod, f, plan, user), Origins: k.request.settled(plan).origins(pod, plan)}
	c.find(identityFinding(plan))
	var reentering string
	if found, ok := session.Find(pod, c.Draft.Container); ok && found.Running && (!plan.StepUp || user != "") {
		reentering = found.Name
	}
	c.Findings = append(c.Findings, preflight.PermissionFindings(reviews, pod.Namespace, reentering, k.user)...)
	admission, err := k.admission(ctx, c, pod, reviews[access.AddContainer], reentering)
	if err != nil {
		return err
	}
	c.find(admission)
	if earlier, there := preflight.EarlierFinding(pod, admission); there {
		c.find(earlier)
	}
	c.find(preflight.ImageFinding(pod, &c.Draft.Container, elsewhere))
	return nil
}

// plan makes the plan as a session does that adds nothing to find out whom the target runs as. Of a target that does not
// run no image is read either: it may have another by then.
func (k *checker) plan(ctx context.Context, pod *corev1.Pod, container string) (target.Facts, profiles.Plan, error) {
	if preflight.State(pod, container) == nil {
		return planFromImage(ctx, pod, container, imageReader{cluster: k.cluster, images: k.images, request: k.request.PlanRequest})
	}
	f := facts.Read(pod, container)
	plan, err := makePlan(f, k.request.PlanRequest)
	return f, plan, err
}

// noImage says that nothing names an image for a session of the plan, where that is so.
func (k *checker) noImage(plan profiles.Plan) (preflight.Finding, bool) {
	err := k.request.settled(plan).haveImage()
	return preflight.Finding{About: preflight.AboutImage, Verdict: preflight.No, Err: err}, err != nil
}

// noIdentityFinding says why there is no plan. Where the target does not run yet, or a session may find it out by a
// container of its own, it is not known.
func (k *checker) noIdentityFinding(pod *corev1.Pod, container string, err error) preflight.Finding {
	var silent *fault.NoIdentity
	f := preflight.Finding{About: preflight.AboutIdentity, Verdict: preflight.Unknown}
	switch {
	case !errors.As(err, &silent):
		f.Verdict, f.Err = preflight.No, err
	case preflight.State(pod, container) != nil:
		f.Text = fmt.Sprintf("the pod's spec does not tell whom container %q runs as; not known until it runs", container)
	case k.request.LearnUser:
		f.Text = "only a session can find out whom the target runs as, by a container that it adds (--learn-user)"
	default:
		f.Verdict, f.Err = preflight.No, err
	}
	return f
}

// admission is the finding of the server's dry run, where it is needed and allowed.
func (k *checker) admission(ctx context.Context, c *Checked, pod *corev1.Pod, may preflight.Review, reentering string) (preflight.Finding, error) {
	if reentering != "" {
		return preflight.Finding{
			About: preflight.AboutAdmission, Verdict: preflight.Yes, Text: "nothing is added: session container " + reentering + " runs and is entered again",
		}, nil
	}
	if may.Err == nil && !may.Allowed {
		return preflight.NotAsked("it is not allowed"), nil
	}
	finding, stored, err := preflight.AdmissionFinding(ctx, k.cluster, pod, c.Draft.Container)
	if stored != nil {
		c.Draft.serve(stored)
	}
	finding.Err = blamePlan(*c.Plan, finding.Err)
	return finding, err
}

// identityFinding says as whom a session would run, and what says so.
func identityFinding(plan profiles.Plan) preflight.Finding {
	return preflight.Finding{
		About: preflight.AboutIdentity, Verdict: preflight.Yes,
		Text: fmt.Sprintf("uid %d (%s), gid %d (%s)", plan.UID, plan.Origins["runAsUser"], plan.GID, plan.Origins["runAsGroup"]),
	}
}
