"""What tests left in a cluster and its resource group: everything that is there at the end and was not when it became ready."""
