"""Fields whose answers are known: recordings with their truth attached.

places.py   where the sites are           truth.py    a recording and what it holds
course.py   the course of time            waves.py    what travels, turns or stands
noise.py    noise of given smoothness     decoys.py   what looks as if it travelled
mixing.py   sums, added noise, dead sites

Phase grows in time: a plane wave is cos(2 pi f t - k.r + phase), with t from the
start of the recording and r from (0, 0), in s and mm; it travels along k. Directions
are degrees counter-clockwise from +x, y up. `truth` reads what a recording holds,
`episodes` lists its parts; the text itself is JSON in `attrs["truth"]`.
"""

from cortexwave.synthetic.decoys import damped_wave_noise as damped_wave_noise
from cortexwave.synthetic.decoys import two_sources as two_sources
from cortexwave.synthetic.decoys import zero_lag_bursts as zero_lag_bursts
from cortexwave.synthetic.mixing import mixture as mixture
from cortexwave.synthetic.mixing import with_dead_sites as with_dead_sites
from cortexwave.synthetic.mixing import with_noise as with_noise
from cortexwave.synthetic.noise import smooth_noise as smooth_noise
from cortexwave.synthetic.places import LatticeSites as LatticeSites
from cortexwave.synthetic.places import lattice_sites as lattice_sites
from cortexwave.synthetic.truth import episodes as episodes
from cortexwave.synthetic.truth import truth as truth
from cortexwave.synthetic.waves import peak_times as peak_times
from cortexwave.synthetic.waves import plane_wave as plane_wave
from cortexwave.synthetic.waves import pulse as pulse
from cortexwave.synthetic.waves import radial_wave as radial_wave
from cortexwave.synthetic.waves import rotating_wave as rotating_wave
from cortexwave.synthetic.waves import spiral_wave as spiral_wave
from cortexwave.synthetic.waves import standing_wave as standing_wave
from cortexwave.synthetic.waves import synchronous as synchronous
