"""A contract server: Jenkins' REST as its clients see it, for tests that cannot have a Jenkins.

It is no Jenkins and runs no pipelines, but what it says is what Jenkins says. Facts come from Jenkins' own pages (remote access API, CSRF
protection, the file-parameters plugin), from Stapler's export (``tree``, ``depth``, ``api/json``, ``api/python``), from the junit plugin
(see :mod:`harness.reporting.jenkins.view`), and from what three clients by other people expect of it, which test_clients.py holds it to:

* a crumb belongs to a user and a web session; requests with an API token need none; a restart forgets sessions;
* ``build`` and ``buildWithParameters`` answer 201 with ``Location: .../queue/item/N/``, also as multipart with files;
* a queue item waits, is buildable, and is then known as left for a while (five minutes in Jenkins) before it is 404;
* a build has ``queueId``, its parameters without the content of files, and ``testReport`` once ``junit`` has run;
* ``progressiveText`` has X-Text-Size, and X-More-Data while there is more to come;
* ``submitDescription`` and ``configSubmit`` answer 302; the queue is saved when Jenkins is shut down, and lost when it is killed.
"""
