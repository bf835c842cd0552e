"""ControlNets: models beside the model, which hold a drawing to the lines or depth of a picture."""
