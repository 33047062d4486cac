
notify pgrst, 'reload schema';
