"""What is inside the disk: partitions and volumes in, operating systems and boot modes out.

``layout`` joins the file systems of each guest, ``linux`` names its system, ``firmware`` says how it boots.
"""
