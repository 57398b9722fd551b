// Package registry reads images from their registries, as the user: with the user's own credentials, and with a pod's pull
// secrets where they are given. What it returns has the digest that named it. It knows nothing of pods.
package registry
