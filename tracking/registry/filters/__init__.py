"""From search trees to SQL: logged models; registered models and their versions."""
