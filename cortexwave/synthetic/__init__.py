"""Fields whose answers are known: recordings with their truth attached.

places.py    where the sites are        straight.py   plane, standing, synchronous
course.py    the course of time         centred.py    radial, rotating, spiral
lags.py      wave from lag              pulses.py     pulses and their peak times
noise.py     noise of given smoothness  decoys.py     zero-lag and isotropic fields
bursts.py    bursts that no wave makes  mixing.py     sums, added noise, dead sites
rivals.py    ways to hold an item       driven_rivals.py   and under a drive
truths.py    a recording and the truth about it

Phase grows in time: a plane wave is cos(2 pi f t - k.r + phase), with t from the
start of the recording and r from (0, 0), in s and mm; it travels along k. Directions
are degrees counter-clockwise from +x, y up. `truth` reads what a recording holds,
`episodes` lists its parts; the text itself is JSON in `attrs["truth"]`.
"""

from cortexwave.synthetic.bursts import chain_bursts as chain_bursts
from cortexwave.synthetic.bursts import zero_lag_bursts as zero_lag_bursts
from cortexwave.synthetic.centred import radial_wave as radial_wave
from cortexwave.synthetic.centred import rotating_wave as rotating_wave
from cortexwave.synthetic.centred import spiral_wave as spiral_wave
from cortexwave.synthetic.decoys import damped_wave_noise as damped_wave_noise
from cortexwave.synthetic.decoys import two_sources as two_sources
from cortexwave.synthetic.driven_rivals import DRIVEN_RIVALS as DRIVEN_RIVALS
from cortexwave.synthetic.driven_rivals import driven_rival as driven_rival
from cortexwave.synthetic.driven_rivals import rival_operator as rival_operator
from cortexwave.synthetic.mixing import mixture as mixture
from cortexwave.synthetic.mixing import with_dead_sites as with_dead_sites
from cortexwave.synthetic.mixing import with_noise as with_noise
from cortexwave.synthetic.noise import smooth_noise as smooth_noise
from cortexwave.synthetic.places import LatticeSites as LatticeSites
from cortexwave.synthetic.places import lattice_sites as lattice_sites
from cortexwave.synthetic.pulses import peak_times as peak_times
from cortexwave.synthetic.pulses import pulse as pulse
from cortexwave.synthetic.rivals import RIVALS as RIVALS
from cortexwave.synthetic.rivals import rival as rival
from cortexwave.synthetic.straight import plane_wave as plane_wave
from cortexwave.synthetic.straight import standing_wave as standing_wave
from cortexwave.synthetic.straight import synchronous as synchronous
from cortexwave.synthetic.truths import episodes as episodes
from cortexwave.synthetic.truths import truth as truth
